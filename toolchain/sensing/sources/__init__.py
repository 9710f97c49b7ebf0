"""Where frames come from: the scripted scene, folders of pictures, videos and cameras."""
